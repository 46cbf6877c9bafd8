/// The memory of a training step: when each tensor is alive and where it is placed, on the trusted
/// side and in the region shared with workers. Trust level: TRUSTED.
@NullMarked
package asymml.trusted.memory;

import org.jspecify.annotations.NullMarked;
