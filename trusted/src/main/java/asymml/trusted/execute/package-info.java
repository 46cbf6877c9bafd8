/// Execution of a layer graph on the trusted side, with its linear layers trusted, split or
/// untrusted. Trust level: TRUSTED. What leaves, leaves through the release door.
@NullMarked
package asymml.trusted.execute;

import org.jspecify.annotations.NullMarked;
