package dev.kerneltracer.load;

import java.util.AbstractList;
import java.util.RandomAccess;

/// Random token ids that are computed each time they are asked for, so that a plan of a million
/// long prompts takes no memory. Parts with the same seed are the same tokens.
final class TokenIds extends AbstractList<Integer> implements RandomAccess {
  /// Where ordinary tokens begin: the first few ids are special in most vocabularies.
  private static final int FIRST = 10;

  private final PromptShape shape;
  private final int first;
  private final int range;

  TokenIds(PromptShape shape, int vocabulary) {
    this.shape = shape;
    this.first = vocabulary > 2 * FIRST ? FIRST : 0;
    this.range = vocabulary - first;
  }

  @Override
  public int size() {
    return shape.tokens();
  }

  @Override
  public Integer get(int index) {
    int part = 0;
    int at = index;
    while (at >= shape.length(part)) {
      at -= shape.length(part++);
    }
    return first + Randomness.bounded(Randomness.at(shape.seed(part), at), range);
  }
}
