/** `send-email` → `SendEmail`: CloudFormation takes letters and digits only. */
export function logicalName(step: string): string {
  return step
    .split(/[^A-Za-z0-9]+/)
    .filter((part) => part !== '')
    .map((part) => part.charAt(0).toUpperCase() + part.slice(1))
    .join('');
}
