/// The release of a data owner's key to a trainer whose evidence the owner accepts. Trust level:
/// the owner's machine, and the trusted process.
@NullMarked
package asymml.attest.release;

import org.jspecify.annotations.NullMarked;
