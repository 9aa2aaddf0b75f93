import type { Resource } from './package.ts';

/** What is asked of a task definition. */
export interface Task {
  /** Of its first container, which is ours. */
  readonly command: readonly string[];
  readonly environment: Readonly<Record<string, unknown>>;
  /** Logical ids of its roles: of the processes in it, and of what starts it. */
  readonly role: string;
  readonly executionRole: string;
  /** Log groups of all its containers, and secrets that are put into them, as the template names them. */
  readonly logs: readonly string[];
  readonly secrets: readonly string[];
  /** Whether a volume is mounted with the rights of its role. */
  readonly mounts: boolean;
}

interface Properties {
  readonly TaskRoleArn: unknown;
  readonly ExecutionRoleArn: unknown;
  readonly Volumes?: readonly unknown[];
  readonly ContainerDefinitions: readonly {
    readonly Command?: readonly string[];
    readonly Environment: readonly { readonly Name: string; readonly Value: unknown }[];
    readonly Secrets?: readonly { readonly ValueFrom: unknown }[];
    readonly LogConfiguration: { readonly Options: Readonly<Record<string, unknown>> };
  }[];
}

export function taskOf({ Properties }: Resource): Task {
  // The templates are ours, and cfn-lint has checked them.
  const task = Properties as object as Properties;
  const all = task.ContainerDefinitions;
  const [own] = all;
  return {
    command: own?.Command ?? [],
    environment: Object.fromEntries((own?.Environment ?? []).map(({ Name, Value }) => [Name, Value])),
    role: namedIn(task.TaskRoleArn),
    executionRole: namedIn(task.ExecutionRoleArn),
    logs: all.map(({ LogConfiguration }) => namedIn(LogConfiguration.Options['awslogs-group'])),
    secrets: all.flatMap(({ Secrets = [] }) => Secrets.map(({ ValueFrom }) => namedIn(ValueFrom))),
    mounts: JSON.stringify(task.Volumes ?? []).includes('"IAM":"ENABLED"'),
  };
}

/** The resource of the template that a `Ref` or `Fn::GetAtt` means. */
export function namedIn(reference: unknown): string {
  const [, name = ''] = /"(?:Ref|Fn::GetAtt)":\[?"(\w+)"/.exec(JSON.stringify(reference)) ?? [];
  return name;
}
