package asymml.serve;

import asymml.model.Shape;
import asymml.session.InferenceSession;
import asymml.session.TrainedRun;
import asymml.session.TrainedRun.Prediction;
import asymml.trusted.data.DataException;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/// A trained model as clients know it: a name, a shape, classes. It runs wholly in this process, or
/// together with workers.
public final class ServedModel {
  private static final Pattern NAME = Pattern.compile("[A-Za-z0-9][A-Za-z0-9._-]{0,63}");

  private final String name;
  private final TrainedRun run;
  private final @Nullable InferenceSession session;

  /// A model that is there.
  ///
  /// @param name in URLs: 1 to 64 letters, digits, '.', '_' and '-'
  /// @param run with the model; closed after this has been served
  /// @param session of that run, which computes together with workers; null if all is computed here
  /// @throws IllegalArgumentException if the name cannot stand in a URL as it is
  public ServedModel(String name, TrainedRun run, @Nullable InferenceSession session) {
    if (!NAME.matcher(name).matches()) {
      throw new IllegalArgumentException(
          "a model's name has 1 to 64 letters, digits, '.', '_' and '-' and begins with a letter or"
              + " a digit: "
              + name);
    }
    this.name = name;
    this.run = run;
    this.session = session;
  }

  /// How it is called in URLs.
  ///
  /// @return letters, digits, '.', '_' and '-'
  public String name() {
    return name;
  }

  /// The shape of the images that it takes.
  ///
  /// @return height, width and channels
  public Shape input() {
    return run.model().description().input();
  }

  /// The classes that it knows.
  ///
  /// @return their names, in the order of the probabilities
  public List<String> classNames() {
    return run.model().description().classNames();
  }

  /// The most pixels that an image may declare.
  int imagePixels() {
    boolean scales = run.spec().data().decoding().imageSize() > 0;
    return scales ? run.spec().data().decoding().limits().imagePixels() : input().pixels();
  }

  /// How many images are classified together.
  int batchSize() {
    return session == null ? 1 : session.batchSize();
  }

  /// Decodes an image as `predict` does.
  ///
  /// @return `[H, W, C]`, 0 to 255 each
  byte[] pixels(byte[] image) throws DataException {
    return run.pixels("the image", image);
  }

  /// Classifies images as `predict` does. Of one thread at a time.
  ///
  /// @param pixels of each image `[H, W, C]`
  /// @return of each image every class, the likeliest first
  /// @throws IOException if a worker fails, or queries cannot be counted
  /// @throws asymml.session.InvalidSpecException if some of the images are the public ones
  List<List<Prediction>> classify(List<byte[]> pixels) throws IOException {
    if (session != null) {
      return session.predict(pixels);
    }
    List<List<Prediction>> all = new ArrayList<>();
    for (byte[] image : pixels) {
      all.add(run.predict(image));
    }
    return all;
  }
}
