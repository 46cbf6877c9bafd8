package asymml.verify;

import static org.assertj.core.api.Assertions.assertThat;

import asymml.model.Parameter;
import asymml.privacy.Channel;
import asymml.privacy.Release;
import asymml.trusted.plan.Placement.Decomposition;
import asymml.trusted.plan.Shield;
import asymml.verify.CapturingWorker.Kind;
import asymml.verify.CapturingWorker.Seen;
import asymml.verify.CapturingWorker.Sent;
import java.nio.FloatBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeSet;

/// Matches what a step did with what was planned for it, one to one: every tensor that a worker was
/// sent, every basis that shows in what was sent, every gradient that an update would carry into
/// weights.
final class FlowCheck {
  /// Rounding of float32, relative to the square of a norm.
  private static final double ROUNDING = 1e-8;

  private final FlowPlan settings;
  private final FlowRun run;
  private final FlowRun.Step step;
  private final List<Release> open;

  FlowCheck(FlowPlan settings, FlowRun run, FlowRun.Step step) {
    this.settings = settings;
    this.run = run;
    this.step = step;
    this.open = new ArrayList<>(run.releases().releases(step.refresh()));
  }

  /// A tensor that was sent, and the layers that were asked to work on it.
  private record Tensor(Kind kind, FloatBuffer buffer, Set<String> layers) {
    float[] values() {
      return buffer.array();
    }
  }

  /// Matches everything; nothing that was planned is left over.
  ///
  /// @param nothing whether there was no example, so that noise is all there is
  void match(boolean nothing) {
    boolean masked = settings.shield() instanceof Shield.Shares;
    List<Tensor> first = tensors(step.seen().getFirst());
    for (Tensor sent : first) {
      if (sent.kind == Kind.BASIS) {
        assertBasisSent(sent);
        continue;
      }
      Release release = take(sent);
      if (release.mechanism() instanceof Release.Gaussian gaussian) {
        assertMechanism(release, gaussian, sent);
      } else if (sent.kind == Kind.WEIGHTS || sent.kind == Kind.MOMENTUM) {
        assertThat(release.values()).isEqualTo(sent.values().length);
      } else if (sent.kind == Kind.FACTOR) {
        // Ranks that follow an energy may be lower.
        assertThat(release.values()).isGreaterThanOrEqualTo(sent.values().length);
      }
    }
    matchHeld(first);
    if (masked) {
      matchHolder(first, step.seen().getLast());
    }
    matchBases(first);
    matchGradients(nothing);
    assertThat(open).as("planned, but not seen").isEmpty();
  }

  private List<Tensor> tensors(Seen seen) {
    List<Tensor> tensors = new ArrayList<>();
    for (Sent sent : seen.sent()) {
      Tensor same =
          tensors.stream()
              .filter(t -> t.kind == sent.kind() && t.buffer.equals(sent.values()))
              // Only inputs and their bases are read by several layers.
              .filter(t ->
                  t.kind == Kind.INPUT
                      || t.kind == Kind.BASIS
                      || t.layers.contains(run.layer(sent.op())))
              .findFirst()
              .orElse(null);
      if (same == null) {
        same = new Tensor(sent.kind(), sent.values(), new TreeSet<>());
        tensors.add(same);
      }
      same.layers.add(run.layer(sent.op()));
    }
    return tensors;
  }

  /// The one release that is planned for a tensor; it does not stand for another.
  private Release take(Tensor sent) {
    Channel channel =
        switch (sent.kind) {
          case WEIGHTS, MOMENTUM, FACTOR -> Channel.WEIGHTS;
          case BASIS -> Channel.BASIS;
          case INPUT -> Channel.RESIDUALS;
          case GRADIENT -> Channel.GRADIENTS;
        };
    List<Release> found =
        open.stream()
            .filter(r -> r.channel() == channel && sent.layers.contains(r.layer()))
            .filter(r -> channel != Channel.WEIGHTS || isOf(sent.kind, r))
            .toList();
    assertThat(found).as("releases planned for %s of %s", sent.kind, sent.layers).hasSize(1);
    open.remove(found.getFirst());
    return found.getFirst();
  }

  /// Whether a release is that of weights, of their momentum, or of a part of their gradient.
  private static boolean isOf(Kind kind, Release release) {
    return switch (release.mechanism()) {
      case Release.Gaussian _ -> false;
      case Release.PostProcessing _ -> kind == Kind.WEIGHTS;
      case Release.Uncovered(String reason) ->
          kind
              == (reason.startsWith("momentum")
                  ? Kind.MOMENTUM
                  : reason.contains("part of the weight gradient") ? Kind.FACTOR : Kind.WEIGHTS);
    };
  }

  /// Weights that the worker updates, and their momentum, are sent in the first step alone. In the
  /// others it has them: they count as released.
  private void matchHeld(List<Tensor> first) {
    boolean begins = first.stream().anyMatch(t -> t.kind == Kind.MOMENTUM);
    for (String layer : run.remote()) {
      if (run.isHeld(layer)) {
        assertThat(first)
            .as("what is sent for the update of %s", layer)
            .anyMatch(t -> t.kind == Kind.FACTOR && t.layers.contains(layer));
        if (!begins) {
          open.remove(held(layer, Kind.WEIGHTS));
          open.remove(held(layer, Kind.MOMENTUM));
        }
      }
    }
  }

  private Release held(String layer, Kind kind) {
    List<Release> found =
        open.stream()
            .filter(r -> r.channel() == Channel.WEIGHTS && r.layer().equals(layer))
            .filter(r -> isOf(kind, r))
            .toList();
    assertThat(found).as("%s of %s", kind, layer).hasSize(1);
    return found.getFirst();
  }

  /// The basis that was sent is one that is planned, and what the decomposition has.
  private void assertBasisSent(Tensor sent) {
    List<Release> found =
        open.stream()
            .filter(r -> r.channel() == Channel.BASIS && sent.layers.contains(r.layer()))
            .filter(r -> r.mechanism() instanceof Release.Uncovered)
            .filter(r -> r.values() >= sent.values().length)
            .toList();
    assertThat(found).as("releases planned for the basis of %s", sent.layers).hasSize(1);
    float[] basis = Objects.requireNonNull(step.after().get(found.getFirst().layer()));
    int channels = run.channels(found.getFirst().layer());
    int kept = basis.length / channels;
    for (int j = 0; j < sent.values().length / channels - 1; j++) {
      for (int c = 0; c < channels; c++) {
        assertThat(sent.values()[j * channels + c]).isEqualTo(basis[c * kept + j]);
      }
    }
  }

  /// No example's part is above the bound, and of a null example only noise is there, as much as
  /// planned.
  private void assertMechanism(Release release, Release.Gaussian gaussian, Tensor sent) {
    int n = FlowPlan.BATCH;
    int dim = sent.values().length / n;
    assertThat(release.values()).as("values of %s", release).isEqualTo(dim);
    boolean masked = settings.shield() instanceof Shield.Shares;
    double clip = gaussian.clipNorm().value();
    double sigma = clip * gaussian.noiseMultiplier().value();
    assertThat(clip).isEqualTo(masked ? 1 : FlowPlan.CLIP);
    double noise = sigma * Math.sqrt(dim);
    double spread = 6 / Math.sqrt(2.0 * dim); // one in 5e8
    for (int i = 0; i < n; i++) {
      double norm = norm(sent.values(), i * dim, dim);
      String what = "%s, example %d".formatted(release, i);
      if (!step.nulls().contains(i)) {
        assertThat(norm).as(what).isLessThanOrEqualTo(clip + noise * (1 + spread));
      } else {
        assertThat(norm).as(what).isBetween(noise * (1 - spread), noise * (1.001 + spread));
      }
    }
  }

  private static double norm(float[] values, int from, int count) {
    double squares = 0;
    for (int i = from; i < from + count; i++) {
      squares += (double) values[i] * values[i];
    }
    return Math.sqrt(squares);
  }

  /// The holder of masks gets weights, and computes on what it wrote itself.
  private void matchHolder(List<Tensor> first, Seen holder) {
    for (Tensor sent : tensors(holder)) {
      if (sent.kind == Kind.WEIGHTS) {
        assertThat(first)
            .as("weights of %s", sent.layers)
            .anyMatch(t -> t.kind == Kind.WEIGHTS && t.buffer.equals(sent.buffer));
      } else {
        assertThat(holder.masks()).anyMatch(mask -> Arrays.equals(mask, sent.values()));
      }
    }
  }

  /// A basis that was found in this step shows what it was found in; one that was there before, and
  /// that public images gave, is public as long as weights are.
  private void matchBases(List<Tensor> first) {
    Set<String> expected = new HashSet<>();
    boolean gaussian = false;
    for (Map.Entry<String, float[]> basis : step.after().entrySet()) {
      String layer = basis.getKey();
      boolean foundHere = !Arrays.equals(step.before().get(layer), basis.getValue());
      switch (settings.basis()) {
        case PUBLIC -> {
          assertThat(foundHere).as("a public basis of %s follows the batch", layer).isFalse();
          if (!settings.protect().contains(Channel.WEIGHTS)) {
            expected.add(layer);
          }
        }
        case DP -> {
          assertThat(foundHere).isEqualTo(step.refresh());
          gaussian = true;
          if (foundHere) {
            expected.add(layer);
          }
        }
        case BATCH -> expected.add(layer);
      }
    }
    List<Release> planned = open.stream().filter(r -> r.channel() == Channel.BASIS).toList();
    assertThat(planned).extracting(Release::layer).containsExactlyInAnyOrderElementsOf(expected);
    for (Release release : planned) {
      assertThat(release.mechanism() instanceof Release.Gaussian).isEqualTo(gaussian);
    }
    open.removeAll(planned);
    first.stream().filter(sent -> sent.kind == Kind.INPUT).forEach(this::assertNullSpace);
  }

  /// What was sent lacks the directions of its basis, and no other.
  private void assertNullSpace(Tensor sent) {
    String layer = sent.layers.stream().filter(step.after()::containsKey).findFirst().orElse("");
    int channels = run.channels(sent.layers.iterator().next());
    int dim = sent.values().length / FlowPlan.BATCH;
    int rows = 0;
    double[][] gram = new double[channels][channels];
    for (int i = 0; i < FlowPlan.BATCH; i++) {
      for (int at = i * dim; !step.nulls().contains(i) && at < (i + 1) * dim; at += channels) {
        rows++;
        for (int c = 0; c < channels; c++) {
          for (int d = 0; d < channels; d++) {
            gram[c][d] += (double) sent.values()[at + c] * sent.values()[at + d];
          }
        }
      }
    }
    double energy = 0;
    for (int c = 0; c < channels; c++) {
      energy += gram[c][c];
    }
    float[] basis = step.after().get(layer);
    if (basis != null) {
      assertThat(inside(gram, basis))
          .as("basis of %s", layer)
          .isLessThan(noise(sent, rows, energy));
    } else if (rows >= 8 * channels && settings.decomposition() == Decomposition.SHARED) {
      assertThat(smallestPivot(gram))
          .as("null space of %s", sent.layers)
          .isGreaterThan(1e-5 * energy);
    }
  }

  private double noise(Tensor sent, int rows, double energy) {
    double sigma =
        settings.accounted()
            ? FlowRun.NOISE
                * (settings.shield() instanceof Shield.Shares ? maskDeviation() : FlowPlan.CLIP)
            : 0;
    return 4 * sent.values().length * sigma * sigma + ROUNDING * rows * energy;
  }

  /// Masks are ten times as strong as the noise on sums, where both are accounted for.
  private double maskDeviation() {
    return settings.protect().contains(Channel.WEIGHTS) ? 10 : 1;
  }

  private static double inside(double[][] gram, float[] basis) {
    int channels = gram.length;
    int rank = basis.length / channels;
    double sum = 0;
    for (int j = 0; j < rank; j++) {
      for (int c = 0; c < channels; c++) {
        for (int d = 0; d < channels; d++) {
          sum += (double) basis[c * rank + j] * gram[c][d] * basis[d * rank + j];
        }
      }
    }
    return sum;
  }

  /// Of a Cholesky factorisation: 0 if the matrix has a null space.
  private static double smallestPivot(double[][] gram) {
    int n = gram.length;
    double smallest = Double.POSITIVE_INFINITY;
    double[][] a = Arrays.stream(gram).map(double[]::clone).toArray(double[][]::new);
    for (int k = 0; k < n; k++) {
      smallest = Math.min(smallest, a[k][k]);
      for (int i = k + 1; i < n; i++) {
        for (int j = k + 1; j < n; j++) {
          a[i][j] -= a[i][k] * a[k][j] / a[k][k];
        }
      }
    }
    return smallest;
  }

  /// What no worker returned is private: it has noise, or weights are said to carry it.
  private void matchGradients(boolean nothing) {
    Map<String, Map<Parameter, double[]>> added = run.addedHere(step);
    boolean protects = settings.protect().contains(Channel.WEIGHTS);
    List<Release> noised = run.noisedSums(step.refresh());
    if (!protects) {
      assertThat(noised).isEmpty();
      return;
    }
    assertThat(noised)
        .extracting(Release::layer)
        .containsExactlyInAnyOrderElementsOf(added.keySet());
    for (Release release : noised) {
      Map<Parameter, double[]> sums = Objects.requireNonNull(added.get(release.layer()));
      assertThat(release.values())
          .as("values of %s", release)
          .isEqualTo(sums.keySet().stream().mapToLong(Parameter::size).sum());
      if (nothing) {
        assertNoise(release, sums);
      }
      open.remove(release);
    }
  }

  /// Without examples, a sum is its noise.
  private static void assertNoise(Release release, Map<Parameter, double[]> sums) {
    if (!(release.mechanism() instanceof Release.Gaussian(var clip, var z))
        || sums.keySet().stream().anyMatch(p -> p.kind() == Parameter.Kind.STANDARDIZED_WEIGHT)) {
      return; // standardisation takes directions from the noise
    }
    double squares =
        sums.values().stream().flatMapToDouble(Arrays::stream).map(value -> value * value).sum();
    double expected = clip.value() * z.value() * Math.sqrt((double) release.values());
    double spread = 6 / Math.sqrt(2.0 * release.values());
    assertThat(Math.sqrt(squares))
        .as("noise of %s", release)
        .isBetween(expected * (1 - spread), expected * (1.01 + spread));
  }
}
