import { expect, test } from 'vitest';
import { claimedJob, startApi } from '../int/functions/http/api.ts';
import { launch, openPage } from './browser.ts';

/** The pictures of docs/ui: made anew only on request, as no two are the same. `MAKE_PICTURES=1 npx vitest run --project ui` */
const api = startApi('polling');

test.runIf(process.env['MAKE_PICTURES'] === '1')('makes the pictures of the documentation', async () => {
  await fill();
  const { id, token } = await claimedJob(api, {
    type: 'send-email',
    payload: { to: 'ada@example.org' },
    max_retries: 0,
  });
  await api.post(`/api/v1/jobs/${id}/fail`, { token, error: 'SMTP 451: mailbox busy' });
  await using browser = await launch();
  const pictures = [
    { name: 'overview', fragment: '', shows: 'Throughput', width: 1200, height: 620, scheme: 'dark' },
    { name: 'job', fragment: `jobs/${id}`, shows: 'Audit trail', width: 1200, height: 760, scheme: 'light' },
    {
      name: 'dead-letters-360',
      fragment: 'dead-letters',
      shows: 'SMTP',
      width: 360,
      height: 640,
      scheme: 'light',
    },
  ] as const;
  for (const { name, fragment, shows, ...view } of pictures) {
    await using watched = await openPage(browser, api.url, view);
    await watched.page.goto(`${api.url}/ui#/${fragment}`);
    await watched.page.getByText(shows).first().waitFor();
    const picture = await watched.page.screenshot({ path: `docs/ui/${name}.png` });
    expect(picture.length).toBeLessThan(150_000);
  }
});

/** Five minutes of a steady stream, as the database would have it. */
async function fill(): Promise<void> {
  await api.database.pool().query(`
    insert into jobs (id, type, status, payload, attempt, max_retries, created_at, queued_at, started_at, completed_at)
    select
      millrace.uuid_v7(at), 'send-email', 'completed', '{}', 1, 3, at, at, at + interval '8 milliseconds',
      at + (10 + 20 * random()) * interval '1 millisecond'
    from (
      select clock_timestamp() - n * interval '75 milliseconds' - (random() * 3 * sin(n / 180.0)) * interval '1 second' as at
      from generate_series(10, 3900) as n
    ) as times
  `);
}
