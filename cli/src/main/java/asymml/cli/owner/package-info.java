/// `asymml owner`: the data owner's side, which makes keys, seals data, opens what was sealed, and
/// releases keys. Trust level: the data owner's machine.
@NullMarked
package asymml.cli.owner;

import org.jspecify.annotations.NullMarked;
