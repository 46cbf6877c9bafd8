package asymml.trusted.boundary;

import static org.assertj.core.api.Assertions.assertThat;

import asymml.kernels.GaussianMasks;
import asymml.privacy.NoiseSampler;
import org.junit.jupiter.api.Test;

class NoiseLatticeTest {
  /// What the sampler leaves out is bounded for the lattices that are used.
  @Test
  void the_lattices_are_those_that_accounting_assumes() {
    assertThat(NoiseSampler.NOISE.latticeBits()).isEqualTo(NoiseLattice.BITS);
    assertThat(NoiseSampler.MASKS.latticeBits()).isEqualTo(GaussianMasks.LATTICE_BITS);
  }
}
