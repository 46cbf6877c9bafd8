/// The protocol between the two halves: message records, their codec and the transports. Trust
/// level: neutral. Both halves use it; everything that arrives through it is checked as hostile.
@NullMarked
package asymml.wire;

import org.jspecify.annotations.NullMarked;
