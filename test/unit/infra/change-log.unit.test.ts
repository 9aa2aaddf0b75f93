import { expect, test } from 'vitest';
import { cutRelease, notesOf } from '../../../infra/release/change-log.ts';

const LOG = `# Changelog

## [Unreleased]

### Added

- A thing.

## [0.1.0] - 2026-01-01

### Added

- All of it.
`;
const release = { version: '0.2.0', date: '2026-11-21' };

test('what is unreleased gets its version and day, and what comes next has a place above it', () => {
  const cut = cutRelease(LOG, release);
  expect(cut).toContain(
    '## [Unreleased]\n\n## [0.2.0] - 2026-11-21\n\n### Added\n\n- A thing.\n\n## [0.1.0]',
  );
  expect(notesOf(cut, 'Unreleased')).toBe('');
  expect(notesOf(cut, '0.2.0')).toBe('### Added\n\n- A thing.');
  expect(notesOf(cut, '0.1.0')).toBe('### Added\n\n- All of it.');
});

test('a release of nothing, or of a version that there is, is refused', () => {
  const cut = cutRelease(LOG, release);
  expect(() => cutRelease(cut, { ...release, version: '0.3.0' })).toThrow('Nothing stands under Unreleased');
  expect(() => cutRelease(LOG, { ...release, version: '0.1.0' })).toThrow('has 0.1.0 already');
});
