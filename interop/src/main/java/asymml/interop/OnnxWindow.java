package asymml.interop;

/// A window of equal sides.
///
/// @param kernel its side
/// @param stride the step between windows
/// @param padding values around the map, on each side
record OnnxWindow(int kernel, int stride, int padding) {}
