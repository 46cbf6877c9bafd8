/// Measures what training costs on the trusted side. Trust level: TRUSTED, but it sees random
/// images only.
@NullMarked
package asymml.trusted.bench;

import org.jspecify.annotations.NullMarked;
