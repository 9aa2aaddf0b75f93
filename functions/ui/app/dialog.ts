import { type ComponentChildren, h } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';

/** What is about to be done. Nothing happens before somebody has said yes. */
export interface Question {
  readonly title: string;
  readonly body: ComponentChildren;
  /** On the button: the verb. */
  readonly verb: string;
  readonly danger?: boolean;
  /** Asks why, for the audit trail. */
  readonly asksReason?: boolean;
  /** @returns what happened, in a sentence */
  act(by: { readonly actor: string; readonly reason?: string }): Promise<string>;
}

let show: ((question: Question | undefined) => void) | undefined;
let tell: ((line: Said) => void) | undefined;

interface Said {
  readonly text: string;
  readonly failed: boolean;
}

export function ask(question: Question): void {
  show?.(question);
}

const ACTOR = 'millrace.actor';

function knownActor(): string {
  return localStorage.getItem(ACTOR) ?? 'ui';
}

/** The one dialog of the page, and the line that says what came of it. */
export function Dialogs() {
  const [question, setQuestion] = useState<Question>();
  const [said, setSaid] = useState<Said>();
  show = setQuestion;
  tell = setSaid;
  return h(
    'div',
    null,
    question && h(Ask, { question, close: () => setQuestion(undefined) }),
    h(
      'div',
      { class: 'said', role: 'status', 'aria-live': 'polite' },
      said &&
        h(
          'p',
          { class: said.failed ? 'toast failed' : 'toast' },
          said.text,
          h('button', { type: 'button', class: 'quiet', onClick: () => setSaid(undefined) }, 'Dismiss'),
        ),
    ),
  );
}

function Ask({ question, close }: { question: Question; close: () => void }) {
  const dialog = useRef<HTMLDialogElement>(null);
  const [busy, setBusy] = useState(false);
  useEffect(() => {
    const before = document.activeElement;
    dialog.current?.showModal();
    return () => {
      if (before instanceof HTMLElement) before.focus();
    };
  }, []);
  const submit = async (event: Event) => {
    event.preventDefault();
    if (busy) return;
    setBusy(true);
    const form = new FormData(event.target as HTMLFormElement);
    tell?.(await outcome(question, form));
    close();
  };
  return h(
    'dialog',
    { ref: dialog, 'aria-labelledby': 'ask-title', onClose: close },
    h(
      'form',
      { onSubmit: submit },
      h('h2', { id: 'ask-title' }, question.title),
      h('div', { class: 'ask-body' }, question.body),
      h(
        'label',
        null,
        'Your name, for the audit trail',
        h('input', { name: 'actor', required: true, maxLength: 255, defaultValue: knownActor() }),
      ),
      question.asksReason &&
        h('label', null, 'Why (optional)', h('input', { name: 'reason', maxLength: 1000 })),
      h(
        'div',
        { class: 'buttons' },
        h('button', { type: 'button', onClick: close }, 'Leave it'),
        h(
          'button',
          { type: 'submit', class: question.danger ? 'danger' : 'primary', disabled: busy },
          busy ? 'Working …' : question.verb,
        ),
      ),
    ),
  );
}

async function outcome(question: Question, form: FormData): Promise<Said> {
  const actor = String(form.get('actor') ?? '').trim() || 'ui';
  const reason = String(form.get('reason') ?? '').trim();
  localStorage.setItem(ACTOR, actor);
  try {
    return { text: await question.act({ actor, ...(reason && { reason }) }), failed: false };
  } catch (error) {
    return { text: error instanceof Error ? error.message : String(error), failed: true };
  }
}
