/// A trained network that classifies images together with workers. Trust level: TRUSTED.
@NullMarked
package asymml.trusted.inference;

import org.jspecify.annotations.NullMarked;
