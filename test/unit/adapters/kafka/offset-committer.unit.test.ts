import { expect, test } from 'vitest';
import { type CommitOffsets, OffsetCommitter } from '../../../../adapters/kafka/offset-committer.ts';
import { type Logger, silentLogger } from '../../../../engine/ports/logger.ts';
import type { Topic } from '../../../../events/ids.ts';

type Offsets = Parameters<CommitOffsets>[0];

function committing(commit: CommitOffsets, logger: Logger = silentLogger) {
  const committer = new OffsetCommitter('t' as Topic, logger);
  committer.use(commit);
  return committer;
}

function offsetsOf({ topics }: Offsets): [number, string][] {
  return topics.flatMap(({ partitions }) =>
    partitions.map(({ partition, offset }): [number, string] => [partition, offset]),
  );
}

test('what is acknowledged while a commit is under way goes with the next, each partition up to its newest', async () => {
  const gate = Promise.withResolvers<void>();
  const commits: [number, string][][] = [];
  const committer = committing(async (offsets) => {
    commits.push(offsetsOf(offsets));
    if (commits.length === 1) await gate.promise;
  });
  committer.add(0, 1n);
  committer.add(0, 2n);
  committer.add(1, 7n);
  committer.add(0, 3n);
  gate.resolve();
  await committer.settled();
  expect(commits).toEqual([
    [[0, '1']],
    [
      [0, '3'],
      [1, '7'],
    ],
  ]);
});

test('a commit that is refused is said, and the next one is tried all the same', async () => {
  const warnings: string[] = [];
  const commits: [number, string][][] = [];
  const refuse = async (offsets: Offsets) => {
    commits.push(offsetsOf(offsets));
    if (commits.length === 1) throw new Error('rebalancing');
  };
  const committer = committing(refuse, { ...silentLogger, warn: (line) => warnings.push(line) });
  committer.add(0, 1n);
  await committer.settled();
  committer.add(0, 2n);
  await committer.settled();
  expect(warnings).toEqual(['offsets could not be committed; what they stand for may come again']);
  expect(commits).toEqual([[[0, '1']], [[0, '2']]]);
});

test('what is forgotten is not committed', async () => {
  const gate = Promise.withResolvers<void>();
  const commits: [number, string][][] = [];
  const committer = committing(async (offsets) => {
    commits.push(offsetsOf(offsets));
    await gate.promise;
  });
  committer.add(0, 1n);
  committer.add(1, 5n);
  committer.forget();
  gate.resolve();
  await committer.settled();
  expect(commits).toEqual([[[0, '1']]]);
});
