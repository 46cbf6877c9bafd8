/// Checks and measurements across modules. Trust level: none; nothing here is part of the product.
@NullMarked
package asymml.verify;

import org.jspecify.annotations.NullMarked;
