/// The worker process and its compute backends. Trust level: UNTRUSTED. Nothing here is relied upon
/// for privacy.
@NullMarked
package asymml.untrusted;

import org.jspecify.annotations.NullMarked;
