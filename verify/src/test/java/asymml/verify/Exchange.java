package asymml.verify;

import static org.assertj.core.api.Assertions.assertThat;

import asymml.kernels.ConvShape;
import asymml.kernels.Convolution;
import asymml.kernels.Tensor;
import asymml.privacy.Channel;
import asymml.privacy.Release;
import asymml.trusted.boundary.RegionLayout;
import asymml.trusted.boundary.ReleaseDoor;
import asymml.trusted.boundary.ReleaseLog;
import asymml.trusted.boundary.Released;
import asymml.trusted.boundary.RemoteWorker;
import asymml.trusted.boundary.Ticket;
import asymml.wire.ProtocolException;
import asymml.wire.Slot;
import java.lang.foreign.Arena;
import java.security.SecureRandom;
import java.util.Collections;
import java.util.EnumSet;
import java.util.Random;

/// All three computations of one shape by a worker and here, on the same values.
final class Exchange implements AutoCloseable {
  private static final int OP = 5;
  private static final Release EXACT =
      new Release(Channel.WEIGHTS, "conv", 1, new Release.Uncovered("a test"));

  private final Arena arena = Arena.ofShared();
  private final RemoteWorker worker;
  private final ReleaseDoor door;
  private final ConvShape shape;
  private final Slot xSlot;
  private final Slot wSlot;
  private final Slot dySlot;
  private final Slot ySlot;
  private final Slot dxSlot;
  private final Slot dwSlot;
  private final Tensor x;
  private final Tensor w;
  private final Tensor dy;

  Exchange(RemoteWorker worker, ConvShape shape, long seed) throws ProtocolException {
    this.worker = worker;
    this.shape = shape;
    this.door = new ReleaseDoor(worker, new SecureRandom(), 1);
    ReleaseLog log = new ReleaseLog();
    log.begin(Collections.nCopies(10_000, EXACT));
    door.log(log);
    RegionLayout layout = new RegionLayout();
    xSlot = layout.reserve(shape.inputAxes());
    wSlot = layout.reserve(shape.weightAxes());
    dySlot = layout.reserve(shape.outputAxes());
    ySlot = layout.reserve(shape.outputAxes());
    dxSlot = layout.reserve(shape.inputAxes());
    dwSlot = layout.reserve(shape.weightAxes());
    Random random = new Random(seed);
    x = normal(random, shape.inputAxes());
    w = normal(random, shape.weightAxes());
    dy = normal(random, shape.outputAxes());
    worker.mapRegion(layout.sizeBytes());
    worker.define(OP, shape);
  }

  private Tensor normal(Random random, int... axes) {
    Tensor tensor = Tensor.allocate(arena, axes);
    for (long i = 0; i < tensor.size(); i++) {
      tensor.set(i, (float) random.nextGaussian());
    }
    return tensor;
  }

  Tensor x() {
    return x;
  }

  Slot ySlot() {
    return ySlot;
  }

  Released releaseX() throws ProtocolException {
    return door.exact(EXACT, x, xSlot);
  }

  void loadWeights() throws ProtocolException {
    worker.loadWeights(OP, door.exact(EXACT, w, wSlot));
  }

  Ticket forward(Released released) throws ProtocolException {
    return worker.forward(OP, released, ySlot);
  }

  /// One training step's worth: 6 tensors cross.
  void run() throws ProtocolException {
    loadWeights();
    Released releasedX = releaseX();
    worker.await(forward(releasedX));
    Released releasedDy = door.exact(EXACT, dy, dySlot);
    worker.backwardData(OP, releasedDy, dxSlot);
    worker.await(worker.backwardWeights(OP, releasedX, releasedDy, dwSlot));
  }

  /// The same primitives on the same values: only the number of threads may differ, and with it the
  /// order of sums.
  void assertSameAsHere() {
    assertWithin(0, 1e-6);
  }

  /// That results are off by some rounding, at least and at most, relative to their norm.
  void assertWithin(double least, double most) {
    try (Convolution here = new Convolution(shape, EnumSet.allOf(Convolution.Pass.class))) {
      Tensor y = Tensor.allocate(arena, shape.outputAxes());
      Tensor dx = Tensor.allocate(arena, shape.inputAxes());
      Tensor dw = Tensor.allocate(arena, shape.weightAxes());
      here.loadWeights(w);
      here.forward(x, y);
      here.backwardData(dy, dx);
      here.backwardWeights(x, dy, dw);
      assertClose(worker.result(ySlot, shape.outputAxes()), y, least, most);
      assertClose(worker.result(dxSlot, shape.inputAxes()), dx, least, most);
      assertClose(worker.result(dwSlot, shape.weightAxes()), dw, least, most);
    }
  }

  private static void assertClose(Tensor actual, Tensor expected, double least, double most) {
    double difference = 0;
    double norm = 0;
    for (long i = 0; i < expected.size(); i++) {
      difference += Math.pow((double) actual.get(i) - expected.get(i), 2);
      norm += Math.pow(expected.get(i), 2);
    }
    assertThat(Math.sqrt(difference / norm)).isBetween(least, most);
  }

  long bytesOut() {
    return w.sizeBytes() + x.sizeBytes() + dy.sizeBytes();
  }

  long bytesBack() {
    return ySlot.sizeBytes() + dxSlot.sizeBytes() + dwSlot.sizeBytes();
  }

  @Override
  public void close() {
    door.close();
    arena.close();
  }
}
