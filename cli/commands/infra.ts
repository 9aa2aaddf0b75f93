import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Command } from 'commander';
import { type Shown, show } from '../remote/output.ts';

export function infraCommand(): Command {
  return new Command('infra')
    .description('what is deployed for an event bus')
    .addCommand(
      new Command('render')
        .description(
          'write the manifests of a broker of a pipeline file: a template of CloudFormation, or resources of Kubernetes',
        )
        .argument('<file>', 'YAML')
        .option('--broker <name>', 'where the file has several')
        .option('--target <target>', 'instead of the deploy_target of the broker')
        .option('--out <directory>', 'write a file there, and print its path')
        .option('--json', 'machine-readable output')
        .action(render),
    );
}

interface Render extends Shown {
  readonly broker?: string;
  readonly target?: string;
  readonly out?: string;
}

async function render(path: string, { broker, target, out, ...shown }: Render): Promise<void> {
  const { readDocument } = await import('../pipelines/document.ts');
  const { pipelineFileSchema } = await import('../pipelines/schema.ts');
  const { renderInfra } = await import('../infra/render.ts');
  // Addresses and passwords are not rendered, so that they need not be known here.
  const options = { file: path, env: process.env, schema: pipelineFileSchema, unset: 'keep' } as const;
  const file = readDocument(await readFile(path, 'utf8'), options);
  const { name, text, target: found } = renderInfra(file, { broker, target });
  if (out === undefined) {
    show(shown, JSON.stringify({ target: found, text }), () => text.trimEnd());
    return;
  }
  const written = join(out, name);
  await mkdir(out, { recursive: true });
  await writeFile(written, text);
  show(shown, JSON.stringify({ target: found, path: written }), () => written);
}
