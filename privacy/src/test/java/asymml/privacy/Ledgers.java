package asymml.privacy;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;

/// Short names for the ledgers of these tests.
final class Ledgers {
  private static final List<Channel> CHANNELS = List.of(Channel.values());

  static final Delta DELTA = new Delta(1e-5);

  private Ledgers() {}

  static Release noised(Channel channel, double z) {
    return new Release(
        channel, "conv", 100, new Release.Gaussian(new ClipNorm(3), new NoiseMultiplier(z)));
  }

  static Release derived(Channel channel) {
    return new Release(channel, "conv", 100, new Release.PostProcessing("a function of the rest"));
  }

  static Release uncovered(Channel channel, String reason) {
    return new Release(channel, "conv", 100, new Release.Uncovered(reason));
  }

  static Ledger.Entry steps(long count, Release... releases) {
    return new Ledger.Entry(List.of(releases), count);
  }

  /// Ten steps an epoch.
  static Ledger shuffled(Ledger.Entry... entries) {
    return new Ledger(new Sampling.Shuffled(95, 10), DELTA, List.of(entries));
  }

  /// At q = 1/100, without overflow.
  static Ledger sampled(Ledger.Entry... entries) {
    return new Ledger(new Sampling.Poisson(1000, 10, 1000), DELTA, List.of(entries));
  }

  static double epsilon(Ledger ledger, Accountant accountant, Channel... which) {
    return ledger
        .epsilon(release -> Arrays.asList(which).contains(release.channel()), accountant)
        .value();
  }

  /// One to three entries with up to six releases each, some of them functions of others.
  ///
  /// @param sampling of its steps
  /// @param smallest z
  static Ledger random(SplittableRandom random, Sampling sampling, double smallest) {
    List<Ledger.Entry> entries = new ArrayList<>();
    for (int i = random.nextInt(1, 4); i > 0; i--) {
      List<Release> releases = new ArrayList<>();
      for (int j = random.nextInt(1, 7); j > 0; j--) {
        Channel channel = CHANNELS.get(random.nextInt(CHANNELS.size()));
        releases.add(
            random.nextInt(4) == 0
                ? derived(channel)
                : noised(channel, smallest * Math.exp(random.nextDouble(0, 3))));
      }
      entries.add(new Ledger.Entry(releases, random.nextInt(40)));
    }
    return new Ledger(sampling, DELTA, entries);
  }
}
