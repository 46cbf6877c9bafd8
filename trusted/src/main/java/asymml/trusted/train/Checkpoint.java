package asymml.trusted.train;

import asymml.model.NamedTensor;
import asymml.model.Parameter;
import asymml.model.PrivateStore;
import asymml.model.SafeTensors;
import asymml.trusted.ops.Parameters;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;

/// The state of a training run in one file, written atomically: parameters, the optimiser's state,
/// bases and clip bounds as tensors; counters and sums as metadata. Data order, augmentation,
/// dropout and learning rate follow from seed and counters and need no state. The noise stream has
/// none that is kept.
///
/// In clear, the file is protected by its directory's permissions and nothing else.
final class Checkpoint {
  private static final String TRAINED = "trained/";
  private static final String VELOCITY = "velocity/";
  private static final String SECOND_MOMENT = "second-moment/";
  private static final String SPLIT = "split/";

  /// How many epochs the run has, where that must not change: earlier checkpoints all have it.
  static final String EPOCHS = "epochs";

  private static final String EPOCH = "epoch";
  private static final String STEP = "step";

  private Checkpoint() {}

  /// How far a run is.
  ///
  /// @param epoch epochs done
  /// @param step steps done
  /// @param totals of the epoch under way
  record Position(int epoch, long step, EpochTotals totals) {}

  /// Writes a checkpoint.
  ///
  /// @param store how the file is stored
  /// @param identity describes the model, and the run that alone may continue from here
  /// @param parameters under training
  /// @param released what is the model: the parameters themselves, or their moving average
  /// @param state bases and clip bounds
  /// @throws IOException if it cannot be written; the old one then remains
  static void write(
      PrivateStore store,
      Path file,
      Map<String, String> identity,
      Position position,
      Parameters parameters,
      Parameters released,
      Map<String, float[]> state)
      throws IOException {
    Map<String, String> metadata = metadata(identity, position);
    List<NamedTensor> tensors = model(released);
    if (released != parameters) {
      for (Parameter p : parameters.all()) {
        tensors.add(
            NamedTensor.of(TRAINED + p.name(), p.shape(), parameters.value(p.name()).segment()));
      }
    }
    for (Parameter p : parameters.all()) {
      if (p.trained()) {
        tensors.add(
            NamedTensor.of(
                VELOCITY + p.name(), p.shape(), parameters.velocity(p.name()).segment()));
        if (parameters.hasSecondMoments()) {
          tensors.add(
              NamedTensor.of(
                  SECOND_MOMENT + p.name(),
                  p.shape(),
                  parameters.secondMoment(p.name()).segment()));
        }
      }
    }
    state.forEach((name, values) ->
        tensors.add(NamedTensor.of(SPLIT + name, new int[] {values.length}, values)));
    SafeTensors.write(store, file, metadata, tensors);
  }

  /// Writes the model alone, from which no run continues.
  ///
  /// @param store how the file is stored
  /// @param identity describes the model and its run
  /// @param position how far the run is
  /// @param released the model
  /// @throws IOException if it cannot be written; the old one then remains
  static void writeModel(
      PrivateStore store,
      Path file,
      Map<String, String> identity,
      Position position,
      Parameters released)
      throws IOException {
    SafeTensors.write(store, file, metadata(identity, position), model(released));
  }

  private static Map<String, String> metadata(Map<String, String> identity, Position position) {
    Map<String, String> metadata = new LinkedHashMap<>(identity);
    metadata.put(EPOCH, Integer.toString(position.epoch));
    metadata.put(STEP, Long.toString(position.step));
    position.totals.save(metadata);
    return metadata;
  }

  private static List<NamedTensor> model(Parameters released) {
    List<NamedTensor> tensors = new ArrayList<>();
    for (Parameter p : released.all()) {
      tensors.add(NamedTensor.of(p.name(), p.shape(), released.value(p.name()).segment()));
    }
    return tensors;
  }

  /// Reads a checkpoint into a run of the same identity.
  ///
  /// @throws TrainingException if the file belongs to another run
  /// @throws IOException if it is missing or damaged
  static Position read(
      PrivateStore store,
      Path file,
      Map<String, String> identity,
      Parameters parameters,
      Parameters released,
      Consumer<Map<String, float[]>> restore)
      throws IOException, TrainingException {
    SafeTensors.Contents contents = SafeTensors.read(store, file);
    Metadata metadata = new Metadata(file, contents.metadata());
    try {
      TrainedModel.checkFormat(metadata);
      for (Map.Entry<String, String> entry : identity.entrySet()) {
        if (!entry.getValue().equals(metadata.text(entry.getKey()))) {
          throw ofAnotherRun(file, entry.getKey());
        }
      }
      for (String key : metadata.values().keySet()) {
        // Settings that only some runs have: privacy, shield, noise on gradients.
        if (!identity.containsKey(key) && !isProgress(key)) {
          throw ofAnotherRun(file, key);
        }
      }
      Map<String, NamedTensor> saved = TrainedModel.byName(contents);
      TrainedModel.restore(released, saved, file);
      if (released != parameters) {
        for (Parameter p : parameters.all()) {
          TrainedModel.copy(
              TrainedModel.find(saved, TRAINED + p.name(), p, file), parameters.value(p.name()));
        }
        parameters.changed();
      }
      for (Parameter p : parameters.all()) {
        if (p.trained()) {
          NamedTensor velocity = TrainedModel.find(saved, VELOCITY + p.name(), p, file);
          TrainedModel.copy(velocity, parameters.velocity(p.name()));
          if (parameters.hasSecondMoments()) {
            TrainedModel.copy(
                TrainedModel.find(saved, SECOND_MOMENT + p.name(), p, file),
                parameters.secondMoment(p.name()));
          }
        }
      }
      Map<String, float[]> state = new LinkedHashMap<>();
      saved.forEach((name, tensor) -> {
        if (name.startsWith(SPLIT)) {
          state.put(name.substring(SPLIT.length()), tensor.toArray());
        }
      });
      restore.accept(state);
      return new Position(
          metadata.smallNumber(EPOCH), metadata.number(STEP), EpochTotals.restore(metadata));
    } catch (UncheckedIOException e) {
      throw e.getCause();
    }
  }

  private static TrainingException ofAnotherRun(Path file, String key) {
    return new TrainingException(
        file
            + " belongs to a run with another "
            + key
            + ": resume with the settings and data it was started with");
  }

  private static boolean isProgress(String key) {
    return key.equals(EPOCH)
        || key.equals(STEP)
        || key.equals(EPOCHS)
        || key.startsWith(EPOCH + ".");
  }
}
