import type { AwsReference } from './aws-reference.ts';
import type { Needed } from './kafka-audit.ts';
import type { Resource } from './package.ts';
import { statementsOf } from './policy.ts';

/** What a process was seen to ask for: an action, and the end of the ARN that it is on; empty where the test cannot know it. */
export interface Right {
  readonly action: string;
  readonly on: string;
}

/**
 * Of the collector of metrics beside a process, AWS's own image, which cannot be had here. By its documentation
 * (aws-otel.github.io/docs/setup/permissions), without what the template makes.
 */
export const ofCollector: readonly Right[] = [
  'logs:CreateLogStream',
  'logs:DescribeLogStreams',
  'logs:PutLogEvents',
].map((action) => ({ action, on: '' }));

export interface Held {
  readonly allowed: readonly string[];
  readonly asked: readonly string[];
  /** Asked for on something that the role does not name. */
  readonly elsewhere: readonly Right[];
}

/** A role beside what was asked for; they agree when the first two are the same and the third is empty. */
export function hold(role: Resource, asked: readonly Right[]): Held {
  const statements = statementsOf(role.Properties).map(({ Action, Resource: on }) => ({
    actions: [Action].flat(),
    texts: [on].flat().map((one) => JSON.stringify(one)),
  }));
  const isNamed = ({ action, on }: Right) =>
    statements.some(
      ({ actions, texts }) => actions.includes(action) && texts.some((text) => names(text, on)),
    );
  return {
    allowed: distinct(statements.flatMap(({ actions }) => actions)),
    asked: distinct(asked.map(({ action }) => action)),
    elsewhere: asked.filter((right) => !isNamed(right)),
  };
}

/** Whether the resource, an ARN with parts that CloudFormation puts in, ends in this name, or in a pattern of it. */
function names(resource: string, on: string): boolean {
  if (on === '') return true;
  return (
    resource.includes(`/${on}"`) ||
    [...resource.matchAll(/\/([\w.-]*)\*"/g)].some(
      ([, prefix = '']) => prefix !== '' && on.startsWith(prefix),
    )
  );
}

function distinct(actions: readonly string[]): string[] {
  return [...new Set(actions)].sort();
}

/** The rights of IAM that MSK wants for what a broker has found to be needed. */
export function rightsOfKafka(needed: readonly Needed[], { ofKafka }: AwsReference): Right[] {
  return needed.map(({ operation, type, name }) => ({
    // What has no equivalent shows as itself.
    action: ofKafka.get(`${operation} ${type}`) ?? `${operation} ${type}`,
    // A role names the cluster by its ARN, and not as Kafka does.
    on: type === 'CLUSTER' ? '' : name,
  }));
}
