/// Differential privacy as pure mathematics: events, accountants and calibration.
module asymml.privacy {
  requires static transitive org.jspecify;
  requires hipparchus.core;
  requires hipparchus.fft;

  exports asymml.privacy;
}
