-- Who does what only one process may do, and until when unless it is renewed. A row stays: each term is higher than all before it.

create table if not exists millrace_roles (
  role varbinary(255) not null,
  term bigint unsigned not null,
  held_until datetime(3) not null,
  primary key (role)
) engine = InnoDB;
