package asymml.session;

import asymml.trusted.train.FormalCheck;

/// What breaks the guarantee of a run, as findings.
final class FormalFindings {
  private FormalFindings() {}

  static Finding of(FormalCheck.Finding found) {
    return Finding.of(
        switch (found.rule()) {
          case NOTHING_RELEASED -> Finding.Kind.NOTHING_RELEASED;
          case ONE_WORKER -> Finding.Kind.ONE_WORKER;
          case INPUTS_UNPROTECTED -> Finding.Kind.INPUTS_UNPROTECTED;
          case MIXED_EXAMPLES -> Finding.Kind.MIXED_EXAMPLES;
          case NO_NOISE -> Finding.Kind.NO_NOISE;
          case SAMPLED_GRADIENT -> Finding.Kind.SAMPLED_GRADIENT;
          case PRIVATE_CLIP_BOUND -> Finding.Kind.PRIVATE_CLIP_BOUND;
          case SAMPLING_REVEALED -> Finding.Kind.SAMPLING_REVEALED;
          case DELTA_TOO_LARGE -> Finding.Kind.DELTA_TOO_LARGE;
          case NO_PUBLIC_IMAGES -> Finding.Kind.NO_PUBLIC_IMAGES;
          case PUBLIC_SHAPE -> Finding.Kind.PUBLIC_SHAPE;
          case PREDICTABLE_NOISE -> Finding.Kind.PREDICTABLE_NOISE;
          case PRIVATE_BASIS -> Finding.Kind.PRIVATE_BASIS;
          case PRIVATE_RANK -> Finding.Kind.PRIVATE_RANK;
        },
        found.problem());
  }
}
