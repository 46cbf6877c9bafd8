package asymml.trusted.boundary;

import asymml.kernels.ConvShape;
import asymml.wire.Message;
import asymml.wire.ProtocolException;
import asymml.wire.Slot;

/// Requests to a worker that holds the weights of layers and updates them. They go by the number of
/// an operation, the holder, and are sent without waiting, like those of [RemoteWorker].
public final class WeightUpdates {
  private final RemoteWorker worker;
  private final Conversation conversation;

  WeightUpdates(RemoteWorker worker, Conversation conversation) {
    this.worker = worker;
    this.conversation = conversation;
  }

  /// Has the worker hold weights and their momentum from now on.
  ///
  /// @param holder a defined operation
  /// @param weights W `[O, kH, kW, C]`
  /// @param velocity the momentum, of the same shape
  /// @return what to await before their slots are written again
  /// @throws ProtocolException if the worker failed
  public Ticket hold(int holder, Released weights, Released velocity) throws ProtocolException {
    worker.check("W", weights.slot(), worker.op(holder).weightAxes());
    worker.check("the momentum", velocity.slot(), worker.op(holder).weightAxes());
    return conversation.send(
        new Message.HoldWeights(
            conversation.nextSequence(), holder, weights.slot(), velocity.slot()));
  }

  /// Has an operation compute with held weights as they are now.
  ///
  /// @param opId a defined operation
  /// @param holder the operation that they are held under
  /// @throws ProtocolException if the worker failed
  public void load(int opId, int holder) throws ProtocolException {
    conversation.send(new Message.LoadHeld(conversation.nextSequence(), opId, holder));
  }

  /// Has the worker keep the directions that held weights are folded with.
  ///
  /// @param holder the operation that they are held under
  /// @param directions D `[m, C]`
  /// @throws ProtocolException if the worker failed
  public void keepDirections(int holder, Released directions) throws ProtocolException {
    conversation.send(
        new Message.KeepDirections(conversation.nextSequence(), holder, directions.slot()));
  }

  /// Asks for held weights folded with their directions.
  ///
  /// @param holder the operation that they are held under
  /// @param count m, of the directions
  /// @param folded where they go, `[O, kH, kW, m]`
  /// @return what to await before they are read
  /// @throws ProtocolException if the worker failed
  public Ticket fold(int holder, int count, Slot folded) throws ProtocolException {
    worker.check("folded weights", folded, folded(holder, count));
    return conversation.send(
        new Message.FoldWeights(conversation.nextSequence(), holder, folded),
        folded,
        worker.region());
  }

  /// Has the worker compute its part of the gradient of held weights, and keep it.
  ///
  /// @param opId a defined operation
  /// @param holder the operation that the weights are held under
  /// @param x X `[N, H, W, C]`
  /// @param dy dY `[N, OH, OW, O]`
  /// @return what to await before x and dy are written again
  /// @throws ProtocolException if the worker failed
  public Ticket keepGradient(int opId, int holder, Released x, Released dy)
      throws ProtocolException {
    worker.check("X", x.slot(), worker.op(opId).inputAxes());
    worker.check("dY", dy.slot(), worker.op(opId).outputAxes());
    return conversation.send(
        new Message.KeepGradient(conversation.nextSequence(), opId, holder, x.slot(), dy.slot()));
  }

  /// Has the worker update held weights, with the gradient that it keeps and this part.
  ///
  /// @param holder the operation that they are held under
  /// @param count m, of the directions
  /// @param factor G `[O, kH, kW, m]`
  /// @param rate the learning rate
  /// @param momentum 0 to below 1
  /// @param weightDecay at least 0
  /// @return what to await before G's slot is written again
  /// @throws ProtocolException if the worker failed
  public Ticket update(
      int holder, int count, Released factor, float rate, float momentum, float weightDecay)
      throws ProtocolException {
    worker.check("G", factor.slot(), folded(holder, count));
    return conversation.send(
        new Message.UpdateWeights(
            conversation.nextSequence(), holder, factor.slot(), rate, momentum, weightDecay));
  }

  /// Asks for held weights, or their momentum.
  ///
  /// @param holder the operation that they are held under
  /// @param momentum whether it is the momentum
  /// @param values where they go, `[O, kH, kW, C]`
  /// @return what to await before they are read
  /// @throws ProtocolException if the worker failed
  public Ticket fetch(int holder, boolean momentum, Slot values) throws ProtocolException {
    worker.check("held weights", values, worker.op(holder).weightAxes());
    return conversation.send(
        new Message.FetchHeld(conversation.nextSequence(), holder, momentum, values),
        values,
        worker.region());
  }

  private int[] folded(int holder, int count) {
    ConvShape shape = worker.op(holder);
    return shape.withInChannels(count).weightAxes();
  }
}
