/**
 * What a claim writes. Its statement takes the worker as $1, the length of the lease in milliseconds as $2, the claim id as $3, and whether
 * the lease is lenient as $4.
 */
export const leased = `
  status = 'running',
  attempt = jobs.attempt + 1,
  token = millrace.claim_token($3::text, jobs.id, jobs.attempt + 1),
  worker_id = $1::text,
  lease_until = clock_timestamp() + $2::double precision * interval '1 millisecond',
  lenient_lease = $4::boolean,
  started_at = clock_timestamp(),
  updated_at = clock_timestamp()
`;

/** Whether a job runs under this very claim, made before; `claimId` is the parameter that holds it. */
export function heldUnderTheClaim(claimId: `$${number}`): string {
  return `jobs.status = 'running' and jobs.token = millrace.claim_token(${claimId}::text, jobs.id, jobs.attempt)`;
}
