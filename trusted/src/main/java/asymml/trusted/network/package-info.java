/// A layer graph planned for one batch size, ready to run forward and backward. Trust level:
/// TRUSTED.
@NullMarked
package asymml.trusted.network;

import org.jspecify.annotations.NullMarked;
