import { defineConfig, defineJob, defineWorkflow, type JobContext } from '../../sdk/index.ts';

const list = defineJob(async ({ job }: JobContext<{ readonly album: string }>) => ({
  files: [1, 2, 3, 4].map((number) => `${job.payload.album}/${number}.jpg`),
}));

/** One job a file, so that one bad file is retried alone. */
const thumbnail = defineJob(async ({ job, attempt }: JobContext<{ readonly file: string }>) => {
  const { file } = job.payload;
  if (file.endsWith('3.jpg') && attempt === 1) throw new Error('the store is busy');
  return file.replace('.jpg', '.thumb.jpg');
});

const publish = defineJob(async ({ job }: JobContext<{ readonly thumbnails: readonly string[] }>) => ({
  page: job.payload.thumbnails.join(' '),
}));

export default defineConfig({
  jobs: { list, thumbnail, publish },
  workflows: [
    defineWorkflow('album')
      .add({ id: 'list', type: 'SERVICE_TASK', jobType: 'list', retryCount: 3 })
      .add({
        id: 'thumbnails',
        type: 'SERVICE_TASK',
        jobType: 'thumbnail',
        retryCount: 3,
        forEach: { items: 'files', as: 'file', concurrency: 2 },
        output: 'thumbnails',
      })
      .add({ id: 'publish', type: 'SERVICE_TASK', jobType: 'publish', retryCount: 3 }),
  ],
});
