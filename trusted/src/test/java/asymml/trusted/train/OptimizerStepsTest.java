package asymml.trusted.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import asymml.kernels.Tensor;
import asymml.model.ClearStore;
import asymml.model.Graph;
import asymml.model.Initializer;
import asymml.model.Parameter;
import asymml.model.Shape;
import asymml.model.Zoo;
import asymml.trusted.ops.Parameters;
import asymml.trusted.train.Checkpoint.Position;
import asymml.trusted.train.TrainConfig.Optimizer;
import asymml.trusted.train.TrainConfig.Schedule;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/// Optimiser steps on known gradients against `v = m v + (g + d w); w = w - r v` in double
/// precision.
class OptimizerStepsTest {
  private static final int STEPS = 12;
  private static final int STEPS_PER_EPOCH = 4;

  /// A few roundings a step of values around 1, at rates below 1 and momentum 0.9 (sum 10).
  private static final double TOLERANCE = STEPS * 10 * 0x1p-23;

  private static final Optimizer OPTIMIZER =
      new Optimizer(0.1f, 0.9f, 0.05f, Schedule.COSINE, 0.5, List.of(), 0.1f);

  private static Graph graph(Zoo.Norm norm) {
    return Zoo.build("cnn", new Shape(8, 8, 3), 3, norm);
  }

  /// A function of parameter, place and step: no run needs to remember it.
  private static double gradient(Parameter p, long place, long step) {
    long seed = 31L * (31L * p.name().hashCode() + place) + step;
    return (float) (new SplittableRandom(seed).nextDouble() - 0.5);
  }

  private static void step(Parameters parameters, LearningRateSchedule schedule, long step) {
    for (Parameter p : parameters.all()) {
      if (p.kind().trained()) {
        Tensor gradient = parameters.gradient(p.name());
        for (long i = 0; i < gradient.size(); i++) {
          gradient.set(i, (float) gradient(p, i, step));
        }
      }
    }
    parameters.update(schedule.at(step), OPTIMIZER.momentum(), OPTIMIZER.weightDecay());
  }

  private static LearningRateSchedule schedule() {
    return OPTIMIZER.schedule(STEPS_PER_EPOCH, STEPS / STEPS_PER_EPOCH);
  }

  @ParameterizedTest
  @EnumSource
  void many_steps_are_those_of_momentum_with_decay_of_weights_alone(Zoo.Norm norm) {
    Graph graph = graph(norm);
    LearningRateSchedule schedule = schedule();
    try (Parameters parameters = new Parameters(graph, new Initializer(1), true)) {
      Map<String, float[]> start = new HashMap<>();
      parameters.all().forEach(p -> start.put(p.name(), parameters.value(p.name()).toArray()));
      for (long s = 0; s < STEPS; s++) {
        step(parameters, schedule, s);
      }
      for (Parameter p : parameters.all()) {
        float[] from = start.getOrDefault(p.name(), new float[0]);
        float[] to = parameters.value(p.name()).toArray();
        if (!p.kind().trained()) {
          assertThat(to).isEqualTo(from); // statistics are no optimiser's business
          continue;
        }
        double decay =
            switch (p.kind()) {
              case WEIGHT, STANDARDIZED_WEIGHT -> OPTIMIZER.weightDecay();
              case BIAS, SCALE, SHIFT, RUNNING_MEAN, RUNNING_VARIANCE -> 0;
            };
        float[] velocities = parameters.velocity(p.name()).toArray();
        for (int i = 0; i < from.length; i += 1 + from.length / 40) {
          double w = from[i];
          double v = 0;
          for (long s = 0; s < STEPS; s++) {
            v = OPTIMIZER.momentum() * v + gradient(p, i, s) + decay * w;
            w -= schedule.at(s) * v;
          }
          assertThat((double) to[i]).as("%s[%d]", p.name(), i).isCloseTo(w, within(TOLERANCE));
          assertThat((double) velocities[i]).isCloseTo(v, within(TOLERANCE));
        }
      }
    }
  }

  /// Rate and momentum continue where they were: nothing else carries over from step to step.
  @ParameterizedTest
  @ValueSource(longs = {1, 4, 5, 11})
  void steps_continued_from_a_checkpoint_are_those_of_an_uninterrupted_run(
      long stopped, @TempDir Path directory) throws Exception {
    Graph graph = graph(Zoo.Norm.GROUP);
    Map<String, String> identity = Map.of("format", "asymml-2");
    Path file = directory.resolve("checkpoint");
    try (Parameters whole = new Parameters(graph, new Initializer(1), true);
        Parameters first = new Parameters(graph, new Initializer(1), true);
        Parameters second = new Parameters(graph, new Initializer(2), true)) {
      for (long s = 0; s < STEPS; s++) {
        step(whole, schedule(), s);
      }
      for (long s = 0; s < stopped; s++) {
        step(first, schedule(), s);
      }
      Checkpoint.write(
          ClearStore.CLEAR,
          file,
          identity,
          new Position(0, stopped, EpochTotals.ZERO),
          first,
          first,
          Map.of());
      long from = Checkpoint.read(ClearStore.CLEAR, file, identity, second, second, _ -> {}).step();
      for (long s = from; s < STEPS; s++) {
        step(second, schedule(), s);
      }
      for (Parameter p : graph.parameters()) {
        assertThat(second.value(p.name()).toArray()).isEqualTo(whole.value(p.name()).toArray());
        // What layers compute with is renewed at once, also after reading.
        assertThat(second.used(p.name()).toArray()).isEqualTo(whole.used(p.name()).toArray());
      }
    }
  }

  @Test
  void without_momentum_and_decay_a_step_is_the_rate_times_the_gradient() {
    Graph graph = graph(Zoo.Norm.GROUP);
    try (Parameters parameters = new Parameters(graph, new Initializer(1), true)) {
      for (Parameter p : parameters.all()) {
        parameters.value(p.name()).fill(1);
        parameters.gradient(p.name()).fill(0.5f);
        parameters.velocity(p.name()).fill(1e30f);
      }
      parameters.update(0.25f, 0, 0);
      for (Parameter p : parameters.all()) {
        assertThat(parameters.value(p.name()).toArray()).containsOnly(0.875f);
        assertThat(parameters.velocity(p.name()).toArray()).containsOnly(0.5f);
      }
    }
  }

  @Test
  void a_parameter_that_is_not_finite_ends_training_with_its_name_and_step() throws Exception {
    Graph graph = graph(Zoo.Norm.BATCH);
    try (Parameters parameters = new Parameters(graph, new Initializer(1), true)) {
      Divergence.check(parameters, 3);
      for (Parameter p : parameters.all()) {
        Tensor value = parameters.value(p.name());
        float before = value.get(value.size() - 1);
        for (float bad : new float[] {Float.NaN, Float.NEGATIVE_INFINITY}) {
          value.set(value.size() - 1, bad);
          assertThat(thrownBy(parameters))
              .hasMessage(
                  "training diverged at step 41: %s is no longer finite; lower the learning rate or the noise, or, if that does not help, suspect the results of a worker, which are not checked for size; the last checkpoint is intact"
                      .formatted(p.name()))
              .matches(TrainingException::diverged);
        }
        value.set(value.size() - 1, before);
      }
      Divergence.check(parameters, 3);
    }
  }

  private static TrainingException thrownBy(Parameters parameters) {
    try {
      Divergence.check(parameters, 41);
    } catch (TrainingException e) {
      return e;
    }
    throw new AssertionError("not noticed");
  }
}
