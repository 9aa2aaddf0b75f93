import { h } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { get, send } from './api.ts';

export interface Session {
  /** Whether this API asks who somebody is. */
  readonly asked: boolean;
  readonly name: string | null;
}

const PATH = '/ui/session';

/** Undefined until it is known. An API that cannot say is shown as it is: its views tell what is wrong. */
export function useSession(): Session | undefined {
  const [session, setSession] = useState<Session>();
  useEffect(() => {
    get<Session>(PATH).then(setSession, () => setSession({ asked: false, name: null }));
  }, []);
  return session;
}

/** The key goes to the server once, and what comes back no script can read. */
export function LogIn() {
  const [refused, setRefused] = useState('');
  const submit = async (event: Event) => {
    event.preventDefault();
    const form = new FormData(event.target as HTMLFormElement);
    try {
      await send('POST', PATH, { key: String(form.get('key') ?? '').trim() });
      location.reload();
    } catch (error) {
      setRefused(error instanceof Error ? error.message : String(error));
    }
  };
  return h(
    'main',
    { class: 'log-in' },
    h('h1', null, 'Millrace'),
    h(
      'form',
      { onSubmit: submit },
      h(
        'label',
        null,
        'Key of the API',
        h('input', { name: 'key', type: 'password', required: true, autoComplete: 'current-password' }),
      ),
      h('p', { class: 'problem', role: 'alert' }, refused),
      h('button', { type: 'submit', class: 'primary' }, 'Log in'),
      h('p', null, 'Make one with ', h('code', null, 'millrace keys create me --scope admin'), '.'),
    ),
  );
}

export function Who({ session }: { session: Session }) {
  if (session.name === null) return null;
  const leave = async () => {
    await send('DELETE', PATH);
    location.reload();
  };
  return h(
    'p',
    { class: 'who' },
    session.name,
    ' ',
    h('button', { type: 'button', class: 'quiet', onClick: () => void leave() }, 'Log out'),
  );
}
