/// Reports of NVIDIA GPUs in confidential computing mode: to show and to verify. They say nothing
/// about which machine the GPU serves, and no policy accepts them. Trust level: the data owner's
/// machine; reports are hostile.
@NullMarked
package asymml.attest.nvidia;

import org.jspecify.annotations.NullMarked;
