-- What the figures of the running worker count; both are read without a look at the rows themselves.
CREATE INDEX apis_by_state ON apis (state);
CREATE INDEX deliveries_by_state ON deliveries (target, state);
