package asymml.analysis;

import asymml.kernels.Tensor;
import java.util.Arrays;

/// Feature maps or images on the heap, float32 `[N, H, W, C]`, C fastest: what attacks work on and
/// give, apart from the file that a [WorkerView] maps.
///
/// @param examples N, at least 1
/// @param height H, at least 1
/// @param width W, at least 1
/// @param channels C, at least 1
/// @param values N H W C of them; not copied, so that big maps exist once
@SuppressWarnings("ArrayRecordComponent") // Large, read by index, never compared.
public record Maps(int examples, int height, int width, int channels, float[] values) {
  /// Checks that the values fill the axes.
  public Maps {
    if (Tensor.sizeOf(examples, height, width, channels) != values.length) {
      throw new IllegalArgumentException(
          "%s values do not fill [%s, %s, %s, %s]"
              .formatted(values.length, examples, height, width, channels));
    }
  }

  /// Copies a tensor.
  ///
  /// @param tensor `[N, H, W, C]`
  /// @return its values
  public static Maps of(Tensor tensor) {
    return new Maps(
        tensor.length(0), tensor.length(1), tensor.length(2), tensor.length(3), tensor.toArray());
  }

  /// Zeros of the same shape.
  ///
  /// @return new maps
  public Maps zeros() {
    return new Maps(examples, height, width, channels, new float[values.length]);
  }

  /// The same values by other axes, as flattening gives them.
  ///
  /// @param newHeight H
  /// @param newWidth W
  /// @param newChannels C, so that the product stays
  /// @return a view
  public Maps reshape(int newHeight, int newWidth, int newChannels) {
    return new Maps(examples, newHeight, newWidth, newChannels, values);
  }

  /// Some of the examples.
  ///
  /// @param from the first, from 0
  /// @param count how many, at least 1
  /// @return a copy
  public Maps slice(int from, int count) {
    int size = exampleSize();
    return new Maps(
        count,
        height,
        width,
        channels,
        Arrays.copyOfRange(values, from * size, (from + count) * size));
  }

  /// The values of one example.
  ///
  /// @return `H W C`
  public int exampleSize() {
    return values.length / examples;
  }

  /// Positions of all examples.
  ///
  /// @return `N H W`
  public int positions() {
    return values.length / channels;
  }

  /// What a ReLU gives of it.
  ///
  /// @return new maps
  public Maps relu() {
    Maps result = zeros();
    for (int i = 0; i < values.length; i++) {
      result.values[i] = Math.max(values[i], 0);
    }
    return result;
  }

  /// Where it is above 0.
  ///
  /// @return new maps of 0 and 1
  public Maps positive() {
    Maps result = zeros();
    for (int i = 0; i < values.length; i++) {
      result.values[i] = values[i] > 0 ? 1 : 0;
    }
    return result;
  }

  /// The difference to maps of the same shape.
  ///
  /// @param other what is taken off
  /// @return new maps
  public Maps minus(Maps other) {
    if (other.values.length != values.length) {
      throw new IllegalArgumentException(other + " cannot be taken off " + this);
    }
    Maps result = zeros();
    for (int i = 0; i < values.length; i++) {
      result.values[i] = values[i] - other.values[i];
    }
    return result;
  }

  /// Each channel with mean 0 over examples and positions.
  ///
  /// @return new maps
  public Maps centred() {
    double[] mean = new double[channels];
    for (int i = 0; i < values.length; i++) {
      mean[i % channels] += values[i];
    }
    Maps result = zeros();
    for (int i = 0; i < values.length; i++) {
      result.values[i] = (float) (values[i] - mean[i % channels] / positions());
    }
    return result;
  }

  /// Each position's channels less their part in a span.
  ///
  /// @param basis `[C][r]`, orthonormal columns; none with r = 0
  /// @return new maps
  public Maps without(double[][] basis) {
    Maps result = zeros();
    int rank = basis.length == 0 ? 0 : basis[0].length;
    System.arraycopy(values, 0, result.values, 0, values.length);
    for (int p = 0; p < positions(); p++) {
      for (int j = 0; j < rank; j++) {
        double part = 0;
        for (int i = 0; i < channels; i++) {
          part += values[p * channels + i] * basis[i][j];
        }
        for (int i = 0; i < channels; i++) {
          result.values[p * channels + i] -= (float) (part * basis[i][j]);
        }
      }
    }
    return result;
  }

  /// Some of the examples, in an order.
  ///
  /// @param order their numbers, at least one
  /// @param from the first of the order to take
  /// @param count how many to take, at least 1
  /// @return a copy
  public Maps pick(int[] order, int from, int count) {
    int size = exampleSize();
    float[] picked = new float[count * size];
    for (int i = 0; i < count; i++) {
      System.arraycopy(values, order[from + i] * size, picked, i * size, size);
    }
    return new Maps(count, height, width, channels, picked);
  }

  /// Each channel with mean 0 and variance 1 over examples and positions, as batch norm with its
  /// initial parameters gives it; a constant channel becomes 0.
  ///
  /// @return new maps
  public Maps normalised() {
    Maps result = centred();
    double[] squares = new double[channels];
    for (int i = 0; i < values.length; i++) {
      squares[i % channels] += (double) result.values[i] * result.values[i];
    }
    for (int i = 0; i < values.length; i++) {
      double deviation = Math.sqrt(squares[i % channels] / positions());
      result.values[i] = deviation > 0 ? (float) (result.values[i] / deviation) : 0;
    }
    return result;
  }

  @Override
  public String toString() {
    return "Maps[%s, %s, %s, %s]".formatted(examples, height, width, channels);
  }
}
