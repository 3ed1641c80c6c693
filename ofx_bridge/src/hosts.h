// What each host is like, where the standard leaves it open and the host does not say.
#pragma once

#include <string>

namespace mfs {

struct HostTraits {
  // The beginning of the name that the host gives itself.
  const char* name;
  // Images asked for at another time are those of that time.
  bool temporal;
  // Pictures are scene-linear unless the host says otherwise.
  bool linear;
  // The property of a choice that holds the label as the user typed it; nullptr where a host offers its entries only.
  const char* typedChoice;
  // The version whose persistent messages crash; 0 for none.
  int brokenMessages;
  // It tells batches from frames that somebody waits for.
  bool tellsBatch;
  // An input that it calls connected is.
  bool tellsConnected;
  // A matte that it calls connected has a channel to be read.
  bool tellsMatte;
};

// The row of a host; one of a host that nothing is known of where there is none.
const HostTraits& traitsOf(const std::string& name);

}  // namespace mfs
