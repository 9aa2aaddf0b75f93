import { describe, expect, test } from 'vitest';
import { render } from '../../../../cli/pipelines/templates.ts';

describe('a template', () => {
  const scope = { input: { id: 7, name: 'Ada "A." O\'Hara' }, nats: { message: { ack_token: 'a:b:1:1' } } };

  test.each([
    ['{{ input.id }}', '7'],
    ['{{ toJson .input }}', JSON.stringify(scope.input)],
    ['{{ input | json }}', JSON.stringify(scope.input)],
    ['{{ .nats.message.ack_token }}', 'a:b:1:1'],
    ['id {{ .input.id }} of {{input.name}}', `id 7 of ${scope.input.name}`],
  ])('%s becomes %s', async (template, text) => {
    expect(await render(template, scope)).toBe(text);
  });

  test.each([
    '{{ input.constructor.name }}',
    '{{ nothing }}',
    '{{ input | missing }}',
    '{% include "/etc/passwd" %}',
  ])('refuses %s', async (template) => {
    await expect(render(template, scope)).rejects.toThrow();
  });

  test('is cut off when it goes on for ever', async () => {
    await expect(render('{% for i in (1..100000000) %}x{% endfor %}', scope)).rejects.toThrow(/limit/);
  });
});
