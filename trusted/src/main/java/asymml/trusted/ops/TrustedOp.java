package asymml.trusted.ops;

/// An operation computed on the trusted side alone: no worker can fail.
public interface TrustedOp extends Op {
  @Override
  void forward(long step);

  @Override
  void backward();
}
