import { type Environment, readOptional, readString } from './env.ts';

export interface AwsCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
}

/** Who this process is to AWS. The credentials are a function, so that printing a configuration cannot show them. */
export interface AwsIdentity {
  readonly region: string;
  /** Asked for at each signature: outside Lambda they expire while a process lives. */
  readonly credentials: () => Promise<AwsCredentials>;
}

/** Lambda hands the credentials over in the environment; elsewhere the SDK's usual chain finds them. */
export function readAwsIdentity(env: Environment): AwsIdentity {
  const region = readString(env, 'AWS_REGION');
  const accessKeyId = readOptional(env, 'AWS_ACCESS_KEY_ID');
  const secretAccessKey = readOptional(env, 'AWS_SECRET_ACCESS_KEY');
  if (accessKeyId === undefined || secretAccessKey === undefined) return { region, credentials: chain() };
  const sessionToken = readOptional(env, 'AWS_SESSION_TOKEN');
  const fixed = { accessKeyId, secretAccessKey, ...(sessionToken === undefined ? {} : { sessionToken }) };
  return { region, credentials: () => Promise.resolve(fixed) };
}

/** Loaded at the first signature: it is large, and a Lambda never needs it. */
function chain(): AwsIdentity['credentials'] {
  let provider: AwsIdentity['credentials'] | undefined;
  return async () => {
    provider ??= (await import('@aws-sdk/credential-provider-node')).defaultProvider();
    return provider();
  };
}
