/// Which examples are drawn, in which order: from a seed, or in secret.
@NullMarked
package asymml.trusted.draw;

import org.jspecify.annotations.NullMarked;
