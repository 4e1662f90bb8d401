//! A loopback stand-in for the AWS read calls that aboard makes.
