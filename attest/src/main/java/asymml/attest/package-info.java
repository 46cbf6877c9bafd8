/// What verifiers of evidence say: problems by name, with what was found and what was expected.
/// Trust level: runs on the data owner's machine; all evidence and collateral is hostile.
@NullMarked
package asymml.attest;

import org.jspecify.annotations.NullMarked;
