import { expect, it } from 'vitest';
import { readMysqlConfig } from '../../../../adapters/mysql/config.ts';

it('reads an address with what is escaped in it', () => {
  const config = readMysqlConfig({ WE_MYSQL_DSN: 'mysql://a%40b:p%2Fw@db.example/re%20cords' });
  expect(config).toMatchObject({ host: 'db.example', port: 3306, user: 'a@b', database: 're cords' });
  expect(config.password()).toBe('p/w');
});

it('shows no password when it is printed', () => {
  const config = readMysqlConfig({ WE_MYSQL_DSN: 'mysql://a:geheim@db/x' });
  expect(`${JSON.stringify(config)} ${String(config.password)}`).not.toContain('geheim');
});

it.each([
  ['postgres://a@b/c', /address such as/],
  ['mysql://a:geheim@b', /address such as/],
  ['mysql://a:geheim@b/c?ssl=true', /WE_MYSQL_TLS=on/],
])('refuses %s, and does not repeat it', (dsn, message) => {
  const read = () => readMysqlConfig({ WE_MYSQL_DSN: dsn });
  expect(read).toThrow(message);
  expect(read).not.toThrow(/geheim/);
});

it('refuses an authority that nothing would be held against', () => {
  const env = { WE_MYSQL_DSN: 'mysql://a@b/c', WE_MYSQL_TLS_CA_PATH: '/ca.pem' };
  expect(() => readMysqlConfig(env)).toThrow('Set WE_MYSQL_TLS=on');
});
