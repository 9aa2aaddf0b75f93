import { createRegistry, type DescFile, type DescService, toBinary } from '@bufbuild/protobuf';
import { FileDescriptorProtoSchema } from '@bufbuild/protobuf/wkt';
import { Code } from '@connectrpc/connect';

/** What is common to the versions of the protocol, which differ in their names only. */
interface Asked {
  readonly host: string;
  readonly messageRequest: { readonly case?: string | undefined; readonly value?: unknown };
}

/** Tells tools such as grpcurl what is served. */
export function reflectionService(services: readonly DescService[]) {
  const registry = createRegistry(...services.map(({ file }) => file));
  const files = allFiles(services.map(({ file }) => file));
  return {
    async *serverReflectionInfo<Request extends Asked>(requests: AsyncIterable<Request>) {
      for await (const request of requests) {
        yield { validHost: request.host, originalRequest: request, messageResponse: answer(request) };
      }
    },
  };

  function answer({ messageRequest: asked }: Asked) {
    switch (asked.case) {
      case 'listServices': {
        const service = services.map(({ typeName: name }) => ({ name }));
        return { case: 'listServicesResponse', value: { service } } as const;
      }
      case 'fileByFilename':
        return filesOf(files.find(({ proto }) => proto.name === asked.value));
      case 'fileContainingSymbol':
        return filesOf(fileOf(String(asked.value)));
      default:
        return notFound('There are no extensions here.');
    }
  }

  /** A method stands in its service, a field in its message. */
  function fileOf(symbol: string): DescFile | undefined {
    const found = registry.get(symbol) ?? registry.get(symbol.slice(0, symbol.lastIndexOf('.')));
    return found?.kind === 'extension' ? undefined : found?.file;
  }
}

function filesOf(file: DescFile | undefined) {
  if (!file) return notFound('There is no such file or symbol here.');
  const fileDescriptorProto = allFiles([file]).map(({ proto }) => toBinary(FileDescriptorProtoSchema, proto));
  return { case: 'fileDescriptorResponse', value: { fileDescriptorProto } } as const;
}

function notFound(errorMessage: string) {
  return { case: 'errorResponse', value: { errorCode: Code.NotFound, errorMessage } } as const;
}

/** With what they import, each once. */
function allFiles(files: readonly DescFile[]): DescFile[] {
  const all = new Set<DescFile>(files);
  for (const file of all) for (const dependency of file.dependencies) all.add(dependency);
  return [...all];
}
