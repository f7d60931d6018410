package dev.kerneltracer.trace;

import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/// What one writer puts between the values of its events: commas, white space, braces and keys.
/// They are nearly always the same bytes as the last time, so that comparing them with what
/// followed before, eight at a time, replaces finding, hashing and looking up each key.
///
/// A [Joint] is learned from text that was read the long way; equal bytes at the same place of an
/// event therefore mean the same.
final class EventLayout {
  private static final int MOST_JOINTS = 1024;
  private static final int LONGEST = 32;

  /// The joint before an event's first key, and the one before the first key of `args`.
  final Joint event = new Joint(new byte[0], Field.OTHER);

  final Joint arguments = new Joint(new byte[0], Field.OTHER);

  private int count;

  /// The bytes between two values, and what the second one is.
  static final class Joint {
    private static final int MOST_FOLLOWERS = 8;

    /// The field whose value follows; null where the object ends.
    final @Nullable Field field;

    final int length;
    private final long first;
    private final long second;
    private final long third;
    private final long fourth;
    private final long firstMask;
    private final long secondMask;
    private final long thirdMask;
    private final long fourthMask;
    private final Joint[] followers = new Joint[MOST_FOLLOWERS];
    private int followerCount;

    Joint(byte[] text, @Nullable Field field) {
      this.field = field;
      this.length = text.length;
      byte[] padded = Arrays.copyOf(text, Math.max(LONGEST, text.length));
      first = ByteHash.eight(padded, 0);
      second = ByteHash.eight(padded, 8);
      third = ByteHash.eight(padded, 16);
      fourth = ByteHash.eight(padded, 24);
      firstMask = mask(text.length);
      secondMask = mask(text.length - 8);
      thirdMask = mask(text.length - 16);
      fourthMask = mask(text.length - 24);
    }

    private static long mask(int length) {
      return length >= 8 ? -1L : length <= 0 ? 0 : (1L << (length * 8)) - 1;
    }

    private boolean matches(byte[] bytes, int at) {
      long differing = (ByteHash.eight(bytes, at) ^ first) & firstMask;
      differing |= (ByteHash.eight(bytes, at + 8) ^ second) & secondMask;
      if (length > 16) {
        differing |= (ByteHash.eight(bytes, at + 16) ^ third) & thirdMask;
        differing |= (ByteHash.eight(bytes, at + 24) ^ fourth) & fourthMask;
      }
      return differing == 0;
    }

    /// The joint that lies at `at`, null where none is known that does.
    @Nullable Joint following(byte[] bytes, int at, int limit) {
      for (int i = 0; i < followerCount; i++) {
        Joint joint = followers[i];
        if (at + joint.length < limit && joint.matches(bytes, at)) {
          if (i > 0) {
            followers[i] = followers[i - 1];
            followers[i - 1] = joint;
          }
          return joint;
        }
      }
      return null;
    }
  }

  /// Learns that the bytes from `from` to `to` followed `before`.
  Joint learn(Joint before, byte[] bytes, int from, int to, @Nullable Field field) {
    Joint joint = new Joint(Arrays.copyOfRange(bytes, from, to), field);
    if (to - from <= LONGEST
        && before.followerCount < Joint.MOST_FOLLOWERS
        && count < MOST_JOINTS) {
      before.followers[before.followerCount++] = joint;
      count++;
    }
    return joint;
  }
}
