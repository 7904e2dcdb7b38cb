const day31 = '(0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])';
const day30 = '(0[469]|11)-(0[1-9]|[12][0-9]|30)';
const february = '02-(0[1-9]|1[0-9]|2[0-8])';
const leapYear = '([0-9]{2}(0[48]|[2468][048]|[13579][26])|([02468][048]|[13579][26])00)';
const date = `([0-9]{4}-(${day31}|${day30}|${february})|${leapYear}-02-29)`;
const time =
  '([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\\.[0-9]{1,9})?(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])';
const octet = '(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])';
const label = '[A-Za-z0-9]([A-Za-z0-9-]{0,30}[A-Za-z0-9])?';
const hostname = `${label}(\\.${label}){0,6}`;
const hex = '[0-9A-Fa-f]';

/**
 * Formats of strings as patterns. Each takes only what its format allows; where a format has rare forms (leap seconds,
 * quoted mail addresses, shortened IPv6), the usual one.
 */
export const formatPatterns: Readonly<Record<string, string>> = {
  date: `^${date}$`,
  'date-time': `^${date}T${time}$`,
  duration:
    '^P([0-9]{1,6}W|([0-9]{1,6}Y([0-9]{1,6}M([0-9]{1,6}D)?)?|[0-9]{1,6}M([0-9]{1,6}D)?|[0-9]{1,6}D)' +
    '(T([0-9]{1,6}H([0-9]{1,6}M([0-9]{1,6}S)?)?|[0-9]{1,6}M([0-9]{1,6}S)?|[0-9]{1,6}S))?' +
    '|T([0-9]{1,6}H([0-9]{1,6}M([0-9]{1,6}S)?)?|[0-9]{1,6}M([0-9]{1,6}S)?|[0-9]{1,6}S))$',
  email: `^[A-Za-z0-9_+-]{1,32}(\\.[A-Za-z0-9_+-]{1,32}){0,3}@${label}(\\.${label}){1,4}$`,
  hostname: `^${hostname}$`,
  ipv4: `^${octet}(\\.${octet}){3}$`,
  ipv6: `^${hex}{1,4}(:${hex}{1,4}){7}$`,
  time: `^${time}$`,
  uri: `^[a-z][a-z0-9+.-]{1,15}://${hostname}(:[1-9][0-9]{0,3})?(/[A-Za-z0-9._~!$&'()*+,;=:@-]*)*(\\?[A-Za-z0-9._~!$&'()*+,;=:@/?-]*)?(#[A-Za-z0-9._~!$&'()*+,;=:@/?-]*)?$`,
  uuid: `^${hex}{8}-${hex}{4}-${hex}{4}-${hex}{4}-${hex}{12}$`,
};
