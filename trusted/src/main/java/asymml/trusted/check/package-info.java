/// Checks of what workers return, by random projections that they do not know (Freivalds, 1977).
@NullMarked
package asymml.trusted.check;

import org.jspecify.annotations.NullMarked;
