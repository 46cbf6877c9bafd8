/// What an owner accepts: policies, read from YAML, and the verdict about evidence. Trust level:
/// the data owner's machine; the policy is trusted, the evidence is hostile.
@NullMarked
package asymml.attest.policy;

import org.jspecify.annotations.NullMarked;
