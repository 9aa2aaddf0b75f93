import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Document, isNode, type Node, parseAllDocuments, Scalar, visit } from 'yaml';
import { MillraceError } from '../../engine/errors.ts';

/** What is deployed without a pipeline file too: there is no second copy of it for rendering. */
const INFRA = join(import.meta.dirname, '../../infra');

type Path = readonly (string | number)[];

/** The documents of a file of `infra/`, with their comments. */
export class Manifest {
  #documents: Document[];

  static read(path: string): Manifest {
    return new Manifest(readInfra(path));
  }

  private constructor(text: string) {
    // CloudFormation's own tags are kept as they are written.
    this.#documents = parseAllDocuments(text, { logLevel: 'silent' }) as Document[];
  }

  /** Of Kubernetes by its kind; a template of CloudFormation is one document. */
  of(kind?: string): Part {
    const document = this.#documents.find((one) => one.get('kind') === kind);
    if (!document) throw changed(`no ${kind}`);
    return new Part(document);
  }

  append(resource: Readonly<Record<string, unknown>>): void {
    this.#documents.push(new Document(resource));
  }

  /** Drops the documents of which this holds. */
  drop(holds: (kind: unknown, name: unknown) => boolean): void {
    const kept = this.#documents.filter(
      (document) => !holds(document.get('kind'), document.getIn(['metadata', 'name'])),
    );
    if (kept.length === this.#documents.length) throw changed('nothing of what is left out');
    this.#documents = kept;
  }

  /** Two brokers must not share names: `millrace` and `millrace-…` become this one's. */
  rename(name: string): void {
    for (const document of this.#documents) {
      visit(document, {
        Scalar: (key, node) => {
          if (key === 'key' || typeof node.value !== 'string') return;
          node.value = node.value.replace(/^millrace(?=$|-)/, name);
        },
      });
    }
  }

  toString(): string {
    const texts = this.#documents.map((document) => {
      if (document.directives) document.directives.docStart = null;
      return document.toString({ lineWidth: 0 });
    });
    return texts.join('---\n');
  }
}

/** One document. */
class Part {
  readonly #document: Document;

  constructor(document: Document) {
    this.#document = document;
  }

  /** Gives another value to what is there. @throws where nothing is: the file has changed, and who renders it has not */
  set(path: Path, value: unknown): void {
    if (!this.#document.hasIn(path)) throw changed(`nothing at ${path.join('.')}`);
    this.add(path, value);
  }

  add(path: Path, value: unknown): void {
    this.#document.setIn(path, this.#document.createNode(value));
  }

  text(path: Path): string {
    const value = this.#document.getIn(path);
    if (typeof value !== 'string') throw changed(`no text at ${path.join('.')}`);
    return value;
  }

  /** Text in which CloudFormation puts values: `${Prefix}`. */
  setSub(path: Path, text: string): void {
    const node = new Scalar(text);
    node.tag = '!Sub';
    if (text.includes('\n')) node.type = 'BLOCK_LITERAL';
    this.set(path, node);
  }

  /** Takes it out, so that it can be put in again, as often as wanted, its texts changed. */
  take(path: Path): (change?: (text: string) => string) => unknown {
    const node = this.#document.getIn(path, true);
    if (!isNode(node)) throw changed(`nothing at ${path.join('.')}`);
    this.#document.deleteIn(path);
    return (change = (text) => text) => {
      const copy = node.clone() as Node;
      visit(copy, {
        Scalar: (key, scalar) => {
          if (key !== 'key' && typeof scalar.value === 'string') scalar.value = change(scalar.value);
        },
      });
      return copy;
    };
  }
}

function readInfra(path: string): string {
  try {
    return readFileSync(join(INFRA, path), 'utf8');
  } catch (error) {
    throw new MillraceError(
      'configuration',
      `infra/${path} is not beside this command. Render from a clone: images do not hold infra/.`,
      { cause: error },
    );
  }
}

/** Replaces what is in a text, and does not pass over it when it is not. */
export function swap(text: string, what: RegExp, by: string): string {
  if (!what.test(text)) throw changed(`no ${what.source}`);
  return text.replace(what, by);
}

function changed(what: string): MillraceError {
  return new MillraceError('internal', `A file of infra/ has ${what}, which cli/infra expects.`);
}
