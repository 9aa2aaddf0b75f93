/**
 * Subjects as NATS has them: tokens between dots. In a pattern `*` stands for exactly one token, and `>`, only at the end,
 * for one or more. They mean the same with every provider, because all of them ask here or keep to the same rule.
 */

const TOKEN = '[^\\s.*>\\u0000]+';
const SUBJECT = new RegExp(`^${TOKEN}(\\.${TOKEN})*$`);
const PATTERN = new RegExp(`^(>|(${TOKEN}|\\*)(\\.(${TOKEN}|\\*))*(\\.>)?)$`);
export const MAX_SUBJECT_LENGTH = 255;

/** Whether something can be published to it: no wildcard, no empty token. */
export function isSubject(text: string): boolean {
  return text.length <= MAX_SUBJECT_LENGTH && SUBJECT.test(text);
}

/** Whether it can be subscribed to. */
export function isSubjectPattern(text: string): boolean {
  return text.length <= MAX_SUBJECT_LENGTH && PATTERN.test(text);
}

export function subjectMatches(pattern: string, subject: string): boolean {
  const [wanted, tokens] = [pattern.split('.'), subject.split('.')];
  for (const [index, token] of wanted.entries()) {
    if (token === '>') return tokens.length > index;
    if (index >= tokens.length || (token !== '*' && token !== tokens[index])) return false;
  }
  return wanted.length === tokens.length;
}

/** Whether there is any subject that both patterns match. */
export function patternsOverlap(one: string, other: string): boolean {
  const [left, right] = [one.split('.'), other.split('.')];
  for (let index = 0; ; index += 1) {
    const [a, b] = [left[index], right[index]];
    if (a === undefined || b === undefined) return a === b;
    if (a === '>' || b === '>') return true;
    if (a !== '*' && b !== '*' && a !== b) return false;
  }
}

/** The pattern as a regular expression that JavaScript and PostgreSQL read alike. */
export function patternToRegex(pattern: string): string {
  const tokens = pattern.split('.').map((token) => {
    if (token === '*') return '[^.]+';
    return token === '>' ? '.+' : token.replaceAll(/[^A-Za-z0-9_]/g, (character) => `\\${character}`);
  });
  return `^${tokens.join('\\.')}$`;
}
