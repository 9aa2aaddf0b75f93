import { MillraceError } from '../../engine/errors.ts';

const UNRELEASED = '## [Unreleased]';

export interface Release {
  readonly version: string;
  /** `2026-11-21` */
  readonly date: string;
}

/**
 * Gives what stands under Unreleased its version and day, below an empty Unreleased.
 * @throws MillraceError `configuration` when nothing stands there, or the version has been given already
 */
export function cutRelease(changeLog: string, { version, date }: Release): string {
  if (changeLog.includes(`\n## [${version}]`)) {
    throw new MillraceError(
      'configuration',
      `CHANGELOG.md has ${version} already; add a changeset: npm run changeset`,
    );
  }
  if (notesOf(changeLog, 'Unreleased') === '') {
    throw new MillraceError(
      'configuration',
      'Nothing stands under Unreleased in CHANGELOG.md: say there what a user notices of this release.',
    );
  }
  return changeLog.replace(UNRELEASED, `${UNRELEASED}\n\n## [${version}] - ${date}`);
}

/** What stands under a version, or under `Unreleased`: the text of its release. */
export function notesOf(changeLog: string, version: string): string {
  const sections = changeLog.split(/^(?=## \[)/m);
  const own = sections.find((section) => section.startsWith(`## [${version}]`)) ?? '';
  return own.split('\n').slice(1).join('\n').trim();
}
