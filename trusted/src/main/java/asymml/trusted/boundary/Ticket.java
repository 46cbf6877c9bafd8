package asymml.trusted.boundary;

/// A request that was sent to a worker and that can be awaited there.
///
/// @param sequence the request's number on its connection
public record Ticket(long sequence) {}
